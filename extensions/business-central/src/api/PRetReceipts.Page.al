page 50113 "BH API P. Ret. Receipts"
{
    PageType = API;
    APIPublisher = 'backhaul';
    APIGroup = 'returns';
    APIVersion = 'v1.0';
    EntityName = 'postedReturnReceipt';
    EntitySetName = 'postedReturnReceipts';
    SourceTable = "Return Receipt Header";
    ODataKeyFields = SystemId;
    Extensible = false;
    InsertAllowed = false;
    Editable = false;
    ModifyAllowed = false;
    DeleteAllowed = false;
    DataAccessIntent = ReadOnly;

    layout
    {
        area(Content)
        {
            repeater(Records)
            {
                field(id; Rec.SystemId) { }
                field(number; Rec."No.") { }
                field(externalDocumentNumber; Rec."External Document No.") { }
                field(yourReference; Rec."Your Reference") { }
                field(customerNumber; Rec."Sell-to Customer No.") { }
                field(postingDate; Rec."Posting Date") { }
                field(documentDate; Rec."Document Date") { }
                field(currencyCode; Rec."Currency Code") { }
                field(locationCode; Rec."Location Code") { }
                field(returnOrderNumber; Rec."Return Order No.") { }
                field(lastModifiedDateTime; Rec.SystemModifiedAt) { }
                part(postedReturnReceiptLines; "BH API P. Ret. Receipt Lines")
                {
                    EntityName = 'postedReturnReceiptLine';
                    EntitySetName = 'postedReturnReceiptLines';
                    SubPageLink = "Document No." = field("No.");
                }
            }
        }
    }
}
